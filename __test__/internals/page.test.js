// The page of the internals in Chromium, with real calls.

const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { connectionId } = require('webphone-rtc');
const { startInternals } = require('webphone-rtc/internals');
const { describeWithChromium } = require('../browsers/browser');
const { Pair } = require('../support/pair');

const MANY = 25; // calls, of two connections each

describeWithChromium('the page of the internals', (browser) => {
  let internals;
  let page;
  let errors;
  const pairs = [];
  const scratch = fs.mkdtempSync(path.join(os.tmpdir(), 'webphone-rtc-internals-'));

  async function open(viewport = { width: 1280, height: 900 }, more = {}) {
    const context = await browser().browser.newContext({ viewport, ...more });
    page = await context.newPage();
    page.on('pageerror', (error) => errors.push(error));
    page.on('console', (message) => message.type() === 'error' && errors.push(message.text()));
    // The browser of these tests resolves nothing but this name.
    await page.goto(internals.url.replace('127.0.0.1', 'localhost'));
    await page.locator('#link[data-state=live]').waitFor();
  }
  /** `silent`: many voices at once are more than a machine that has other things to do can encode. */
  async function call({ silent = false } = {}) {
    const pair = new Pair();
    pairs.push(pair);
    for (const end of [pair.left, pair.right]) end.mute(silent);
    await pair.connect();
    return pair;
  }
  const row = (pc) => page.locator(`#rows a[href="#${connectionId(pc)}"]`);
  const fact = (name) => page.locator('.facts div', { has: page.locator('dt', { hasText: name }) }).locator('dd');
  /** Something of that colour, or nearly, is drawn. */
  const drawn = (canvas) =>
    canvas.evaluate((it) => {
      const { data } = it.getContext('2d').getImageData(0, 0, it.width, it.height);
      return data.some((value, at) => at % 4 === 3 && value > 0);
    });

  beforeEach(async () => {
    errors = [];
    internals = await startInternals();
  });
  afterEach(async () => {
    await page?.context().close();
    for (const pair of pairs.splice(0)) pair.end();
    await internals.close();
    expect(errors).toEqual([]);
  });
  afterAll(() => fs.rmSync(scratch, { recursive: true, force: true }));

  test('a call shows its states, its pair, its codec and its levels, and that it has ended', async () => {
    const { left, right } = await call();
    await open();
    await row(right.pc).click();
    await page.getByRole('heading', { name: `Connection ${connectionId(right.pc)}` }).waitFor();
    await fact('Received codec').getByText('opus/48000/2').waitFor();
    expect(await fact('State').textContent()).toMatch(/^connected: the far end answers/);
    expect(await fact('Local end').textContent()).toMatch(/:\d+ (host|prflx) udp$/);
    await page
      .locator('figure', { hasText: 'Level' })
      .getByText(/received -\d+\.\d dBFS/)
      .waitFor();
    expect(await drawn(page.locator('figure canvas').first())).toBe(true);
    expect(await drawn(row(right.pc).locator('canvas'))).toBe(true);
    right.close();
    await page.locator('#detail .tone', { hasText: 'closed' }).waitFor();
    expect(await row(left.pc).textContent()).toContain('connected');
  });

  test('digits come on the time line, with their direction', async () => {
    const { left, right } = await call();
    await open();
    await row(left.pc).click();
    left.sender.dtmf.insertDTMF('5');
    await page.locator('.timeline .digit', { hasText: '↑5' }).waitFor();
    await row(right.pc).click();
    await page.locator('.timeline .digit', { hasText: '↓5' }).waitFor();
    const told = await page.locator('.timeline svg').getAttribute('aria-label');
    expect(told).toMatch(/connection: new, connecting, connected.*Digits: received 5/);
  });

  test('what a new description changes is marked, and nothing else', async () => {
    const pair = await call();
    await open();
    await row(pair.left.pc).click();
    pair.left.setDirection('sendonly');
    await pair.negotiate();
    await page.locator('option', { hasText: '3 · local offer' }).first().waitFor({ state: 'attached' });
    await page.getByLabel('Description', { exact: true }).selectOption('2');
    const marked = (kind) => page.locator(`.sdp .${kind}`).allTextContents();
    expect(await marked('add')).toContain('+ a=sendonly');
    expect(await marked('del')).toContain('− a=sendrecv');
    const kept = await page.locator('.sdp .same').allTextContents();
    const { sdp } = pair.left.pc.currentLocalDescription;
    expect(kept).toContain(`  ${/a=fingerprint:.*/.exec(sdp)[0].trim()}`);
  });

  test('a dump that was downloaded is opened again, later and by another page, with all that it had', async () => {
    const { left } = await call();
    await open();
    await row(left.pc).getByText(/opus/).waitFor();
    const downloading = page.waitForEvent('download');
    await page.getByRole('link', { name: 'Download dump' }).click();
    const download = await downloading;
    const file = path.join(scratch, download.suggestedFilename());
    await download.saveAs(file);
    await page.context().close();
    left.end();
    await internals.close();
    internals = await startInternals();
    await open();
    await page.setInputFiles('#file', file);
    await page.locator('#frozen').getByText(path.basename(file)).waitFor();
    await row(left.pc).click();
    expect(await fact('State').textContent()).toMatch(/^connected/);
    await page.getByText('Statistics as getStats() has them').click();
    await page.locator('.stats', { hasText: 'inbound-rtp' }).waitFor();
    await page.getByRole('button', { name: 'Back to live' }).click();
    await page.locator('#frozen').waitFor({ state: 'hidden' });
  });

  test('a file that is dropped is opened, and one that is no dump is refused in words', async () => {
    await open();
    const drop = (name, text) =>
      page.evaluate(
        ([name, text]) => {
          const dataTransfer = new DataTransfer();
          dataTransfer.items.add(new File([text], name));
          dispatchEvent(new DragEvent('drop', { dataTransfer, cancelable: true }));
        },
        [name, text],
      );
    await drop('notes.json', '{"format":"something else"}');
    await page.getByRole('alert').getByText('This is no dump of webphone-rtc').waitFor();
    const dump = await (await fetch(`${internals.url}dump`)).text();
    await drop('dump.json', dump);
    await page.locator('#frozen').getByText('dump.json').waitFor();
    expect(await page.getByRole('alert').count()).toBe(0);
  });

  test('what the far end writes into a description stays text', async () => {
    const pair = await call();
    await open();
    await row(pair.right.pc).click();
    await pair.negotiate((description) => ({
      ...description,
      sdp: description.sdp.replace('s=-', 's=<img src=x onerror=alert(1)>'),
    }));
    await page.locator('option', { hasText: '3 · remote offer' }).first().waitFor({ state: 'attached' });
    await page.getByLabel('Description', { exact: true }).selectOption('2');
    await page.locator('.sdp', { hasText: '<img src=x' }).waitFor();
    expect(await page.locator('.sdp img').count()).toBe(0);
  });

  test.each(['light', 'dark'])(
    'on a telephone it fits the screen, %s: the list, a connection, and back',
    async (colorScheme) => {
      const { left } = await call();
      await open({ width: 360, height: 740 }, { colorScheme, hasTouch: true, isMobile: true });
      const overflow = () => page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
      expect(await overflow()).toBeLessThanOrEqual(0);
      await row(left.pc).tap();
      await page.getByRole('heading', { name: `Connection ${connectionId(left.pc)}` }).waitFor();
      await page.locator('.timeline svg').waitFor();
      expect(await overflow()).toBeLessThanOrEqual(0);
      expect(await page.locator('#list').isVisible()).toBe(false);
      await page.getByRole('link', { name: /All connections/ }).tap();
      await row(left.pc).waitFor();
    },
  );

  test('the keyboard reaches everything, and text stands out of its ground as WCAG AA wants it', async () => {
    const { left } = await call();
    for (const colorScheme of ['light', 'dark']) {
      await open({ width: 1280, height: 900 }, { colorScheme });
      await row(left.pc).focus();
      await page.keyboard.press('Enter');
      await page.getByRole('heading', { name: `Connection ${connectionId(left.pc)}` }).waitFor();
      const unlabelled = await page.evaluate(() =>
        [...document.querySelectorAll('select, input, button, a')]
          .filter((it) => !(it.labels?.[0]?.textContent || it.textContent).trim())
          .map((it) => it.outerHTML),
      );
      expect(unlabelled).toEqual([]);
      const poor = await page.evaluate(() => {
        const value = (name) => getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();
        const luminance = (hex) => {
          const [r, g, b] = [1, 3, 5].map((at) => {
            const part = Number.parseInt(hex.slice(at, at + 2), 16) / 255;
            return part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4;
          });
          return 0.2126 * r + 0.7152 * g + 0.0722 * b;
        };
        const ratio = (a, b) => {
          const [high, low] = [luminance(value(a)), luminance(value(b))].sort((x, y) => y - x);
          return (high + 0.05) / (low + 0.05);
        };
        const texts = ['ink', 'faint', 'good', 'busy', 'bad', 'over'];
        return ['ground', 'panel', 'accent-ground']
          .flatMap((ground) => texts.map((text) => [text, ground, ratio(text, ground)]))
          .concat([
            ['ink', 'added', ratio('ink', 'added')],
            ['ink', 'removed', ratio('ink', 'removed')],
          ])
          .filter(([, , found]) => found < 4.5);
      });
      expect(poor).toEqual([]);
      await page.context().close();
    }
  });

  test('fifty connections at once: each has its row, and the one that is looked at goes on moving', async () => {
    await Promise.all([call(), ...Array.from({ length: MANY - 1 }, () => call({ silent: true }))]);
    await open();
    const ids = pairs.flatMap(({ left, right }) => [left, right].map(({ pc }) => connectionId(pc)));
    await page.waitForFunction((all) => all.every((id) => document.querySelector(`#rows a[href="#${id}"]`)), ids);
    expect(await page.locator('#rows .row').count()).toBeGreaterThanOrEqual(2 * MANY);
    const { left } = pairs[0];
    await row(left.pc).click();
    await fact('Sent codec').getByText('opus').waitFor();
    await page.getByLabel('Show', { exact: true }).first().selectOption('over');
    expect(await page.locator('#rows .row').count()).toBe(0);
  });
});
