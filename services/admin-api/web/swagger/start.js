// Shows the API's own description; nothing is loaded from elsewhere, and no validator is asked.
window.ui = window.SwaggerUIBundle({
  url: '/api/v1/schema/?format=json',
  dom_id: '#swagger-ui',
  deepLinking: true,
  docExpansion: 'list',
  validatorUrl: null,
  queryConfigEnabled: false,
  requestInterceptor: (request) => {
    // A session's requests repeat the cookie that only pages of ours can read.
    const token = /(?:^|; )csrftoken=([^;]*)/.exec(document.cookie);
    if (token && !request.headers.Authorization) request.headers['X-CSRFToken'] = decodeURIComponent(token[1]);
    return request;
  },
});
