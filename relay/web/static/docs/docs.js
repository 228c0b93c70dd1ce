// Swagger UI over our own document. Nothing is kept in the browser, nothing is asked of another host.
// It writes the descriptions of our own document as HTML, which it has cleaned before. Nothing that could run is let
// through here a second time; scripts and their addresses are never.
window.trustedTypes?.createPolicy("default", {
  createHTML: (html) => (/<(script|iframe|object|embed|link|meta|base)|\son\w+\s*=|javascript:/i.test(html) ? null : html),
});

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
