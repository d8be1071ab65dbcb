/** Bookinfo `reviews`: two reviews of a book. `ENABLE_RATINGS=true` adds stars from `ratings` in `STAR_COLOR`: v1 has none,
 * v2 black ones (and waits 10 s for them), v3 red ones (and waits 2.5 s). */
import { hostname } from 'node:os';
import { sendJson, serve } from '../http-app.ts';
import { traceHeaders } from './trace-headers.ts';
import { getJson } from './upstream.ts';

const withRatings = process.env['ENABLE_RATINGS'] === 'true';
const color = process.env['STAR_COLOR'] ?? 'black';
const ratingsTimeoutMs = color === 'black' ? 10_000 : 2_500;
const domain = process.env['SERVICES_DOMAIN'] ? `.${process.env['SERVICES_DOMAIN']}` : '';
const ratingsUrl = `http://${process.env['RATINGS_HOSTNAME'] ?? 'ratings'}${domain}:${process.env['RATINGS_SERVICE_PORT'] ?? '9080'}/ratings`;
const podName = process.env['HOSTNAME'] ?? hostname();

const TEXTS = {
  Reviewer1: 'Two pairs of twins, one town, and not a dull scene in it. I laughed out loud on the train.',
  Reviewer2: 'A romp from the first mistaken greeting to the last. It is over too soon.',
} as const;

serve(Number(process.argv[2] ?? 9080), async (request, response, url) => {
  if (url.pathname === '/health') return sendJson(response, 200, { status: 'Reviews is healthy' });
  const id = /^\/reviews\/(\d+)$/.exec(url.pathname)?.[1];
  if (id === undefined) return sendJson(response, url.pathname.startsWith('/reviews/') ? 400 : 404, { error: 'please provide a numeric product id: /reviews/0' });
  const stars = withRatings ? await fetchStars(id, traceHeaders(request.headers)) : undefined;
  sendJson(response, 200, {
    id, podname: podName, clustername: 'null',
    reviews: Object.entries(TEXTS).map(([reviewer, text]) => ({ reviewer, text, ...(withRatings ? { rating: rating(stars?.[reviewer]) } : {}) })),
  });
});

const rating = (stars: number | undefined) => (stars === undefined ? { error: 'Ratings service is currently unavailable' } : { stars, color });

async function fetchStars(id: string, headers: Record<string, string>): Promise<Record<string, number> | undefined> {
  const answer = await getJson(`${ratingsUrl}/${id}`, headers, ratingsTimeoutMs);
  return answer.status === 200 ? (answer.body as { ratings?: Record<string, number> }).ratings : undefined;
}
