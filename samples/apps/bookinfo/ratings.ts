/** Bookinfo `ratings`: stars of each reviewer. `MODE` makes it a bad neighbour: faulty (half of the answers 503), delayed (half
 * take 7 s), unavailable (up for a minute, then down for one), unhealthy (the same, and its health says so). */
import { readBody, sendJson, serve } from '../http-app.ts';

const mode = process.env['MODE'] ?? '';
const stored = new Map<number, Record<string, number>>();
const isUp = () => !(mode === 'unavailable' || mode === 'unhealthy') || Math.floor(process.uptime() / 60) % 2 === 0;

serve(Number(process.argv[2] ?? 9080), async (request, response, url) => {
  if (url.pathname === '/health') {
    const healthy = mode !== 'unhealthy' || isUp();
    return sendJson(response, healthy ? 200 : 500, { status: healthy ? 'Ratings is healthy' : 'Ratings is not healthy' });
  }
  const id = /^\/ratings\/(\d+)$/.exec(url.pathname)?.[1];
  if (id === undefined) return sendJson(response, url.pathname.startsWith('/ratings/') ? 400 : 404, { error: 'please provide a numeric product id: /ratings/0' });
  if (request.method === 'POST') {
    const ratings = parseRatings((await readBody(request)).toString());
    if (!ratings) return sendJson(response, 400, { error: 'please provide the ratings as JSON: {"Reviewer1": 5}' });
    stored.set(Number(id), ratings);
    return sendJson(response, 200, { id: Number(id), ratings });
  }
  if (!isUp() || (mode === 'faulty' && Math.random() < 0.5)) return sendJson(response, 503, { error: 'Service unavailable' });
  if (mode === 'delayed' && Math.random() < 0.5) await new Promise((resolve) => setTimeout(resolve, 7000));
  sendJson(response, 200, { id: Number(id), ratings: stored.get(Number(id)) ?? { Reviewer1: 5, Reviewer2: 4 } });
});

function parseRatings(text: string): Record<string, number> | undefined {
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value !== 'object' || value === null || Array.isArray(value)) return undefined;
    return Object.values(value).every((stars) => typeof stars === 'number') ? (value as Record<string, number>) : undefined;
  } catch {
    return undefined;
  }
}
