import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { ColumnStatistics } from '../../../src/core/statistics.ts';
import { html, Markup } from '../../../src/jobs/report/markup.ts';
import type { Report } from '../../../src/jobs/report/report.ts';
import { reportPage } from '../../../src/jobs/report/report-page.ts';
import { driftOf } from '../../../src/monitoring/drift.ts';
import { NO_SERVICE } from '../../../src/observe/service-statistics.ts';

/** A report in which every text that comes from data, settings or the server is `text`. */
function reportWith(text: string): Report {
  const values = { count: 5, values: [[1, text, 3] as const] };
  const free: ColumnStatistics = {
    name: text,
    missing: 2,
    numbers: {
      count: 4,
      min: 0,
      max: 3,
      mean: 1.5,
      squares: 5,
      histogram: { exponent: 0, first: 0, counts: [1, 1, 1, 1] },
    },
    texts: values,
    bins: null,
  };
  const binned: ColumnStatistics = {
    name: `${text}2`,
    missing: 0,
    numbers: null,
    texts: { count: 0, values: [] },
    bins: [4, 3, 2],
  };
  const statistics = { rows: 11, sampled: 11, refusals: values, features: [free, binned], predictions: [free] };
  const known = {
    kind: 'category' as const,
    categories: [text],
    others: [],
    isComplete: true,
    statistics: { ...binned, bins: [9, 0, 0] },
  };
  const baseline = { version: 1 as const, source: text, created: '', rows: 9, features: [known], predictions: [] };
  return {
    version: 1,
    finished: '2026-11-28T00:00:00.000Z',
    intake: text,
    output: text,
    deployment: text,
    model: { id: text, version: text },
    rows: { read: 12, scored: 11, failed: 1, skipped: 0 },
    intakeBytes: 100,
    refusals: [{ cause: text, rows: 1 }],
    speed: { elapsedMs: 10, rowsPerSecond: 1_200, continuedFrom: 0, retries: 0 },
    bottleneck: text,
    stages: [{ stage: 'score', milliseconds: { work: 1, input: 2, server: 3, output: 0 } }],
    service: { ...NO_SERVICE, requests: 2, responseMs: { p50: 1, p90: 2, p99: 3 } },
    drift: driftOf(statistics, baseline, 0.15),
    statistics,
  };
}

/** The tags of a page, each with its attributes. */
function tagsOf(page: string): readonly string[] {
  return [...page.matchAll(/<[^>]*>/g)].map(([tag]) => tag);
}

describe('the page of a report', () => {
  test('shows markup in names, values and causes as text', () => {
    const page = reportPage(reportWith(`<script>alert(1)</script>"'&`));
    expect(page).not.toMatch(/<script/i);
    expect(page.split('&lt;script&gt;alert(1)&lt;/script&gt;&quot;&#39;&amp;').length - 1).toBeGreaterThan(12);
  });

  test('has the same tags whatever the texts are', () => {
    const tags = tagsOf(reportPage(reportWith('x')));
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.stringMatching(/^[<>&"'/=a-z! -]{0,20}$/)), (text) => {
        expect(tagsOf(reportPage(reportWith(text)))).toEqual(tags);
      }),
    );
  });

  test('needs nothing from a network, and closes what it opens', () => {
    const page = reportPage(reportWith('x'));
    expect(page).not.toMatch(/https?:|src=|href=|url\(|@import|<script|<link/i);
    const open: string[] = [];
    for (const tag of tagsOf(page)) {
      const name = /^<\/?([a-z0-9]+)/i.exec(tag)?.[1];
      if (name === undefined || tag.endsWith('/>') || name === 'meta') continue;
      if (!tag.startsWith('</')) open.push(name);
      else expect(open.pop()).toBe(name);
    }
    expect(open).toEqual([]);
  });

  test('of a job that was not monitored has neither drift nor columns', () => {
    const page = reportPage({ ...reportWith('x'), drift: null, statistics: null });
    expect(page).not.toMatch(/<h2>(Drift|Predictions|Features|Data quality)/);
    expect(page).toContain('<h2>Prediction server</h2>');
  });
});

test('markup is kept, texts are escaped, lists are joined', () => {
  const bold = html`<b>${'a < b'}</b>`;
  expect(bold).toBeInstanceOf(Markup);
  expect(html`<p title="${'"'}">${[bold, '&', 1]}${null}</p>`.text).toBe('<p title="&quot;"><b>a &lt; b</b>&amp;1</p>');
});
