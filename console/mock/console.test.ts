/** The built console in a real browser, over the real query engine fed with a made-up mesh. */
import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { type Browser, chromium, type Page } from 'playwright-core';
import { build } from 'vite';
import { type Mock, startMock } from './start.ts';

const CHROMIUM = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'].find((path) => existsSync(path));
const ARGS = ['--headless', '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync'];

describe('the console in a browser', { skip: CHROMIUM ? false : 'no Chromium on this machine' }, () => {
  const dir = mkdtempSync(join(tmpdir(), 'lateen-console-web-'));
  let mock: Mock;
  let browser: Browser;

  before(async () => {
    await build({ configFile: join(import.meta.dirname, '../vite.config.ts'), logLevel: 'error', build: { outDir: dir, emptyOutDir: true } });
    mock = await startMock({ root: dir, port: 0 });
    browser = await chromium.launch({ executablePath: CHROMIUM, args: ARGS });
  });

  after(async () => {
    await browser?.close();
    await mock?.close();
    rmSync(dir, { recursive: true, force: true });
  });

  /** Opens a page; any script error or refused resource fails the test that looked. */
  async function open(path: string): Promise<{ page: Page; problems: string[] }> {
    const page = await browser.newPage({ viewport: { width: 1440, height: 900 } });
    const problems: string[] = [];
    page.on('pageerror', (error) => problems.push(error.message));
    page.on('console', (message) => message.type() === 'error' && problems.push(message.text()));
    await page.goto(`${mock.url}${path}`);
    return { page, problems };
  }

  const edge = (page: Page, source: string, target: string) => page.locator(`[data-testid="edge"][data-source="${source}"][data-target="${target}"]`);
  const numberOf = async (page: Page, ends: [string, string], name: string) => Number(await edge(page, ...ends).getAttribute(`data-${name}`));

  test('the graph shows how a canary is split, who is under mutual TLS and what fails', async () => {
    const { page, problems } = await open('/graph?refresh=off&duration=5m');
    const v1: [string, string] = ['service/default/reviews', 'workload/default/reviews-v1'];
    const v2: [string, string] = ['service/default/reviews', 'workload/default/reviews-v2'];
    await edge(page, ...v1).waitFor({ state: 'attached', timeout: 15_000 });
    const [first, second] = [await numberOf(page, v1, 'share'), await numberOf(page, v2, 'share')];
    assert.ok(Math.abs(first - 0.9) < 0.03 && Math.abs(second - 0.1) < 0.03, `${first} and ${second}`);
    assert.ok(Math.abs(first + second - 1) < 0.001);
    assert.equal(await edge(page, ...v1).getAttribute('data-mtls'), 'true');
    assert.equal(await edge(page, 'unknown', 'service/default/details').getAttribute('data-mtls'), 'false');
    assert.equal(await edge(page, 'service/shop/checkout', 'workload/shop/checkout-v2').getAttribute('data-health'), 'failing');
    assert.equal(await edge(page, 'workload/default/ratings-v1', 'service/default/mongodb').getAttribute('data-protocol'), 'tcp');
    assert.equal(await page.locator('[data-testid="graph-box"][data-app="reviews"]').count(), 1, 'the versions stand in one box');
    await page.locator('[data-testid="graph-node"][data-id="service/default/reviews"]').click();
    await page.getByTestId('graph-panel').getByText('Sends to').waitFor();
    assert.deepEqual(problems, []);
    await page.close();
  });

  test('the graph is within reach of the keyboard', async () => {
    const { page } = await open('/graph?refresh=off&namespaces=shop');
    await edge(page, 'service/shop/checkout', 'workload/shop/checkout-v1').waitFor({ state: 'attached', timeout: 15_000 });
    await page.locator('.react-flow__node[data-id="service/shop/checkout"]').focus();
    await page.keyboard.press('Enter');
    await page.getByTestId('graph-panel').getByText('Sends to').waitFor();
    await page.keyboard.press('Escape');
    await page.getByTestId('graph-panel').waitFor({ state: 'detached' });
    await page.close();
  });

  test('a namespace narrows the graph', async () => {
    const { page } = await open('/graph?refresh=off&namespaces=shop');
    await edge(page, 'service/shop/checkout', 'workload/shop/checkout-v1').waitFor({ state: 'attached', timeout: 15_000 });
    assert.equal(await page.locator('[data-testid="graph-node"][data-id="service/default/reviews"]').count(), 0);
    await page.close();
  });

  for (const [path, selector, what] of [
    ['/overview', '[data-testid="namespace-card"][data-namespace="default"]', 'namespaces'],
    ['/workloads', '[data-testid="workloads-table"] >> text=reviews-v2', 'workloads'],
    ['/services', '[data-testid="services-table"] >> text=productpage', 'services'],
    ['/applications', '[data-testid="applications-table"] >> text=reviews', 'applications'],
    ['/istio', '[data-testid="config-table"] >> text=bookinfo-gateway', 'configuration'],
    ['/istio', '[data-testid="config-table"] tbody tr:first-child >> text=error', 'what is broken before the rest'],
    ['/namespaces/default/istio/networking.istio.io/virtualservices/ratings', '[data-condition="Programmed"] >> text=unknown operator NO_SUCH_OPERATOR', 'what a proxy refused'],
    ['/namespaces/default/istio/networking.istio.io/destinationrules/details', '.yaml-marked >> text=v1', 'the field that is wrong'],
    ['/mesh', '[data-testid="proxies-table"] >> text=productpage-v1', 'proxies'],
    ['/traces', '[data-testid="trace-item"]', 'traces'],
    ['/namespaces/default/services/reviews', 'text=reviews.default.svc.cluster.local', 'a service'],
    ['/namespaces/default/workloads/reviews-v1', 'td >> text=route pending', 'a workload and the state of its proxy'],
    ['/namespaces/default/workloads/reviews-v1?tab=logs', '[data-testid="log"] >> text=via_upstream', 'logs'],
    ['/namespaces/default/istio/networking.istio.io/virtualservices/reviews', '.yaml >> text=weight', 'an object as YAML'],
  ] as const) {
    test(`${path} shows ${what} without an error`, async () => {
      const { page, problems } = await open(`${path}${path.includes('?') ? '&' : '?'}refresh=off`);
      await page.locator(selector).first().waitFor({ timeout: 15_000 });
      assert.deepEqual(problems, []);
      await page.close();
    });
  }

  test('a trace opens as a waterfall with its tags', async () => {
    const { page, problems } = await open('/traces?refresh=off');
    await page.getByTestId('trace-item').first().click();
    await page.getByTestId('trace').waitFor({ timeout: 15_000 });
    assert.ok((await page.getByTestId('span').count()) >= 6);
    await page.getByTestId('span').first().locator('.span-name').click();
    await page.getByText('http.status_code').waitFor();
    assert.deepEqual(problems, []);
    await page.close();
  });
});
