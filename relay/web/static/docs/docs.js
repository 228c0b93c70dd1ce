// Swagger UI over our own document. Nothing is kept in the browser, nothing is asked of another host.
const root = document.getElementById("docs");

window.SwaggerUIBundle({
  url: "/api/openapi.json",
  domNode: root,
  deepLinking: true,
  persistAuthorization: false,
  validatorUrl: null,
  supportedSubmitMethods: ["get", "put", "post", "delete", "patch"],
  requestInterceptor(request) {
    // What changes something needs the token of our pages, as everywhere.
    if (new URL(request.url, location.href).origin === location.origin) {
      request.headers["X-Relay-CSRF"] = root.dataset.csrf;
    }
    return request;
  },
});
