# One image for all: `relay run`, or `relay serve` and `relay worker` against one store.
# It brings the repository's config.yaml, which plays with sandboxes; mount your own over /relay/config.yaml.
FROM python:3.13-slim AS build
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_ROOT_USER_ACTION=ignore
RUN python -m venv /opt/relay
COPY requirements/run.txt /src/requirements/run.txt
RUN /opt/relay/bin/pip install --require-hashes -r /src/requirements/run.txt
COPY . /src
RUN /opt/relay/bin/pip install --no-deps --no-build-isolation /src \
 && /opt/relay/bin/python -m compileall -q /opt/relay/lib

FROM python:3.13-slim
RUN useradd --system --uid 10001 --home-dir /relay --shell /usr/sbin/nologin relay \
 && install -d -o relay -g relay -m 700 /relay/data
COPY --from=build /opt/relay /opt/relay
COPY config.yaml /relay/config.yaml
ENV PATH=/opt/relay/bin:$PATH PYTHONUNBUFFERED=1 RELAY_LISTEN=0.0.0.0:8080
USER relay
WORKDIR /relay
VOLUME /relay/data
EXPOSE 8080
HEALTHCHECK --interval=15s --timeout=5s --start-period=20s --retries=3 \
  CMD ["python", "-c", "import urllib.request as u; u.urlopen('http://127.0.0.1:8080/healthz', timeout=4)"]
# The embedded store, if used, is shut down on SIGTERM; give it time: docker stop --time 40.
STOPSIGNAL SIGTERM
ENTRYPOINT ["relay"]
CMD ["run"]
