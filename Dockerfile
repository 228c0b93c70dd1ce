# One image for all: `relay run`, or `relay serve` and `relay worker` against one store.
#
# It brings the repository's config.yaml, which plays with sandboxes; mount your own over /relay/config.yaml. The
# variables below win over what a configuration says (`relay check` shows which do), so it need not know that it runs in a
# container.
FROM python:3.13-slim AS build
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_ROOT_USER_ACTION=ignore
RUN python -m venv /opt/relay
COPY requirements/run.txt /src/requirements/run.txt
RUN /opt/relay/bin/pip install --require-hashes -r /src/requirements/run.txt
COPY . /src
RUN /opt/relay/bin/pip install --no-deps --no-build-isolation /src \
 && /opt/relay/bin/python -m compileall -q /opt/relay/lib \
 && /opt/relay/bin/relay --version

FROM python:3.13-slim
RUN useradd --system --uid 10001 --home-dir /relay --shell /usr/sbin/nologin relay \
 && install -d -o relay -g relay -m 700 /relay/data
COPY --from=build /opt/relay /opt/relay
COPY config.yaml /relay/config.yaml
ENV PATH=/opt/relay/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 RELAY_LISTEN=0.0.0.0:8080
USER relay
WORKDIR /relay
# All that is ever written. The rest of the file system may be read-only (with a tmpfs on /tmp).
VOLUME /relay/data
EXPOSE 8080
# Asks the port that the configuration and RELAY_LISTEN say. A container that is only a worker needs `--no-healthcheck`.
HEALTHCHECK --interval=30s --timeout=8s --start-period=30s --retries=3 CMD ["relay", "healthy"]
# What is on its way is finished, and the embedded store, if used, shut down: docker stop --time 40.
STOPSIGNAL SIGTERM
ENTRYPOINT ["relay"]
CMD ["run"]
