/** Bookinfo `details`: the facts of a book. */
import { sendJson, serve } from '../http-app.ts';

serve(Number(process.argv[2] ?? 9080), (_request, response, url) => {
  if (url.pathname === '/health') return sendJson(response, 200, { status: 'Details is healthy' });
  const id = /^\/details\/(\d+)$/.exec(url.pathname)?.[1];
  if (id === undefined) return sendJson(response, url.pathname.startsWith('/details/') ? 400 : 404, { error: 'please provide a numeric product id: /details/0' });
  sendJson(response, 200, {
    id: Number(id), author: 'William Shakespeare', year: 1595, type: 'paperback', pages: 200,
    publisher: 'PublisherA', language: 'English', 'ISBN-10': '1234567890', 'ISBN-13': '123-1234567890',
  });
});
