import type { Clock } from '../../core/clock.ts';
import type { RequestOutcome } from '../limiter.ts';
import { CommonLook } from './common-look.ts';
import { LatencyWindow } from './latency-window.ts';
import { LookUp } from './look-up.ts';
import { RequestCost } from './request-cost.ts';
import { Roof } from './roof.ts';
import { UnderWay } from './under-way.ts';

/** A request under way. */
export interface Begun {
  /** Requests under way when it began, itself included. */
  readonly inFlight: number;
  /** How often the limit had changed, and how many windows were over. */
  readonly epoch: number;
  readonly window: number;
}

/** Samples that a decision rests on at the least. */
const LEAST_SAMPLES = 4;
/** Overloads in one window that are no accident. */
const OVERLOADS = 2;
const DECREASE = 0.75;
/** The limit goes below the knee to see the latency without a queue, every so many windows; more rarely while that finds nothing new. */
const PROBE_WINDOWS = 16;
const MOST_PROBE_WINDOWS = 128;
/** Where it goes then, as a share of the busy workers. */
const PROBE_SHARE = 0.75;
/** A share of workers that have come or gone is a reason to look anew; fewer than one of them is chance. */
const NEWS = 0.25;
/** The base leaks by so much of what the mean is above it, per window. */
const LEAK = 0.002;
/** How fast the base follows what may be chance. */
const GAIN = 0.25;
/** And how fast a base that seems to be higher, where others may be in the line. */
const DOUBTFUL_GAIN = 0.375;
/** How fast the estimate of the jitter follows that of a window, and how many standard errors are no chance. */
const JITTER_GAIN = 0.2;
const CERTAIN = 2;
const LEAST_JITTER = 0.02;
/** A minimum of means lies below their mean, and with it the workers that seem busy: by about so much of what is no chance. */
const BIAS = 0.25;
/** A climb of many steps would else stop at one where latencies were long by chance: of 40 workers with much jitter 85 % were busy at worst. */
const CLIMBING_DOUBT = 0.5;
/** A request that outlives so many windows may never be answered. */
const OVERDUE = 3;
/** What counts as another size of requests. */
const OTHER_SIZE = 1.25;

/**
 * Finds how many requests at once a server works on, from their latencies alone, and allows a few more, so that no worker of it waits for
 * the client.
 *
 * By Little's law L requests under way, each of which takes `mean` where it would take `base` without a queue, keep L·base/mean workers
 * busy, and L(1 - base/mean) requests wait: the estimate of TCP Vegas. The limit is the busy workers and a queue of the root of that,
 * the size that Netflix's Gradient2 allows. Decisions rest on windows of samples, not of seconds: as many as the limit, all begun after
 * the limit last changed, so that one change is not answered twice. Means of windows are compared, never single latencies: with
 * jitter the fastest of many lies far below the mean, and a limit by that one ends at 1.
 *
 * The base is a slowly leaking minimum. By itself such a minimum creeps up with a queue that never empties, or holds the limit
 * down when the server has become slower; so now and then the limit goes below the knee for a window, where nothing can wait (as TCP BBR
 * does), and on down for as long as that makes requests faster. Other processes may stand in the same line; see `CommonLook`.
 *
 * Requests that are not answered at all are seen late: nothing grows while one has been under way for several windows.
 *
 * Two refusals in a window cut the limit by a quarter, and so does one time-out; `Roof` keeps what the server refused.
 */
export class Knee {
  readonly #ceiling: () => number;
  readonly #common: CommonLook;
  readonly #lookUp = new LookUp();
  readonly #cost = new RequestCost();
  readonly #roof = new Roof();
  #limit: number;
  /** How often the limit has changed: a request tells of the limit that it began under. */
  #epoch = 0;
  #windows = 0;
  readonly #underWay = new UnderWay();
  #window = new LatencyWindow();
  /** Since the limit was last cut. */
  #isAnswered = false;
  #jitter = 0.1;
  /** Rows per request, and workers that seemed busy, in the last window. */
  #rows = 0;
  #busy = 0;
  /** Windows in a row without a queue. */
  #streak = 0;
  #isClimbing = false;
  #isProbing = false;
  #untilProbe = 0;
  #probeWindows = PROBE_WINDOWS;
  #busyAtProbe = 0;
  #isFull = false;
  /** The limit to go back to after a look, where nobody was at it. */
  #held = 0;
  #share = 1;

  /**
   * @param start the limit to begin with.
   * @param ceiling the largest limit that is allowed now, at least 1.
   */
  constructor(start: number, ceiling: () => number, clock: Pick<Clock, 'now' | 'wall'>) {
    this.#ceiling = ceiling;
    this.#common = new CommonLook(clock);
    this.#limit = start;
  }

  /** Requests at once, as of now: a whole number from 1 to the ceiling. */
  get limit(): number {
    return Math.max(1, Math.floor(Math.min(this.#limit, this.#ceiling())));
  }

  /** Whether the limit is near the knee: it neither climbs nor looks at the base. */
  get isSettled(): boolean {
    return this.#rows > 0 && !this.#isClimbing && !this.#isProbing;
  }

  /** Workers of the server that these users kept busy when they sent as much as it bears; the start of the limit before that is known. */
  get workers(): number {
    return this.#lookUp.workers === 0 ? Math.max(this.#limit, this.#held) : this.#lookUp.workers;
  }

  /** Of the time of a request, the part in which it is worked on; in (0, 1]. The rest it waits. */
  get share(): number {
    return this.#share;
  }

  /** Whether nobody should be held below the limit, as it is being found out. */
  get isLooking(): boolean {
    return this.#lookUp.isLooking;
  }

  /** Told of every request; the outcome is told with what this gives. */
  begin(inFlight: number): Begun {
    this.#underWay.began(this.#windows);
    return { inFlight, epoch: this.#epoch, window: this.#windows };
  }

  end({ inFlight, epoch, window: begunIn }: Begun, { result, rows, latencyMs }: RequestOutcome): void {
    this.#underWay.ended(begunIn);
    if (result === 'other') return;
    if (result === 'ok') this.#isAnswered = true;
    this.#probeWithAll(rows);
    if (epoch !== this.#epoch) return;
    const window = this.#window;
    if (result === 'overload') {
      window.overloads += 1;
      const isLate = latencyMs > 2 * this.#cost.of(rows);
      const isPlain = this.#isAnswered && !this.#roof.isTrying && !isLate;
      if (window.overloads >= (isPlain ? OVERLOADS : 1)) this.#cut(Math.min(inFlight, this.limit) - 1, isLate);
      return;
    }
    window.add(rows, latencyMs, inFlight, inFlight >= this.limit);
    if (this.#common.isDraining) this.#window = new LatencyWindow();
    if (!this.#common.isLongEnough) return;
    if (window.samples >= Math.max(LEAST_SAMPLES, this.limit)) this.#decide(window);
  }

  #decide(window: LatencyWindow): void {
    this.#window = new LatencyWindow();
    this.#windows += 1;
    const { rows, latency, inFlight, isFull } = window;
    this.#jitter += JITTER_GAIN * (window.jitter - this.#jitter);
    const error = (CERTAIN * Math.max(LEAST_JITTER, this.#jitter)) / Math.sqrt(window.samples);
    this.#normalise(window);
    const base = this.#cost.of(rows);
    const off = latency / base - 1;
    const isChance = Math.abs(off) <= error;
    // Who is held below the limit waits for nobody, unless the server has become smaller, which is no matter of chance.
    const isClean = this.#isProbing || this.limit === 1 || (!isFull && isChance);
    if (!isChance && (off < 0 || this.#common.isUnderWay)) this.#cost.set(rows, latency);
    else if (off < 0 || isClean) this.#cost.set(rows, base + (isChance ? GAIN : DOUBTFUL_GAIN) * (latency - base));
    else this.#cost.set(rows, base + LEAK * (latency - base));
    const share = Math.min(1, this.#cost.of(rows) / latency);
    this.#rows = rows;
    if (this.#isProbing) {
      this.#probed(rows, base, error);
      return;
    }
    this.#share = share;
    const busy = inFlight * share;
    this.#busy = busy;
    this.#isFull = isFull;
    this.#untilProbe -= 1;
    const waiting = inFlight - busy;
    // Who is not at the limit is in no hurry, and does not take chance for a queue; a climb goes on for half of it.
    const doubt = isFull ? (this.#isClimbing ? CLIMBING_DOUBT : 0) : 1;
    const isIdle = waiting < room(busy) / 2 + doubt * error * inFlight;
    const workers = busy * (1 + BIAS * error);
    if (isFull && isIdle) {
      this.#grow(busy, window.samples);
      if (this.#isClimbing) this.#lookUp.climbs(workers);
      else this.#lookUp.atLimit(workers, error);
      return;
    }
    this.#streak = 0;
    this.#isClimbing = false;
    if (isFull) this.#lookUp.atLimit(workers, error);
    else {
      this.#lookUp.below(isIdle ? Number.POSITIVE_INFINITY : workers);
      // Nothing is learned of what the server bears by who sends less.
      if (isIdle) return;
    }
    const target = busy + room(busy);
    const slack = Math.max(1, (error * busy) / 2);
    if (isFull && this.limit > 1 && this.#isProbeDue(busy)) this.#probe(busy);
    else if (isFull && target >= this.#limit + slack) this.#move((this.#limit + target) / 2);
    else if (target <= this.#limit - slack) this.#move(waiting > 3 * room(busy) ? target : (this.#limit + target) / 2);
  }

  /** Sets what is known of the cost of requests to the sizes of a window. */
  #normalise(window: LatencyWindow): void {
    const { rows, latency, inFlight } = window;
    const isFirst = this.#rows === 0;
    const isOther = Math.max(rows / this.#rows, this.#rows / rows) > OTHER_SIZE;
    if (isFirst) this.#cost.set(rows, latency);
    else if (isOther && !this.#cost.knows(rows, this.#rows, this.#jitter)) {
      // As many workers are busy as before, whatever they work on: that tells the share of waiting in what is measured now.
      this.#cost.meet(rows, latency * Math.min(1, this.#busy / inFlight), this.#rows);
    }
    this.#cost.learn(window);
  }

  #grow(busy: number, samples: number): void {
    const behind = this.#windows - this.#underWay.oldest;
    if (behind > OVERDUE) return;
    this.#roof.wanted(this.limit, samples, behind < OVERDUE - 1);
    const epoch = this.#epoch;
    const first = Math.max(this.#limit + 1, busy + room(busy));
    const step = Math.min(room(busy) * 2 ** this.#streak, this.#limit / (this.#streak > 1 ? 2 : 3));
    this.#move(this.#streak === 0 ? first : Math.max(this.#limit + 1, this.#limit + step));
    this.#streak += 1;
    // At the ceiling or the roof it stays where it is.
    this.#isClimbing = this.#epoch !== epoch;
  }

  #move(to: number): void {
    const before = this.limit;
    this.#limit = Math.max(1, Math.min(to, this.#roof.limit, this.#ceiling()));
    if (this.limit !== before) this.#begin();
  }

  /** Under another limit: what began before does not count any more. */
  #begin(): void {
    this.#epoch += 1;
    this.#window = new LatencyWindow();
  }

  /** Begins the look at the base that all processes have together, when it is time. */
  #probeWithAll(rows: number): void {
    if (!this.isSettled || this.limit === 1 || !this.#common.isDue(this.#cost.of(rows))) return;
    this.#common.begin();
    if (!this.#isFull) this.#held = this.#limit;
    this.#probe(this.#busy);
  }

  #isProbeDue(busy: number): boolean {
    return this.#untilProbe <= 0 || Math.abs(busy - this.#busyAtProbe) > 1 + NEWS * this.#busyAtProbe;
  }

  #probe(busy: number): void {
    this.#isProbing = true;
    this.#busy = busy;
    this.#limit = Math.max(1, Math.floor(PROBE_SHARE * Math.min(busy, this.#limit)));
    this.#begin();
  }

  /** @param before the base before the probe, which may have been wrong, and with it the number of busy workers. */
  #probed(rows: number, before: number, error: number): void {
    const changed = this.#cost.of(rows) / before;
    const busy = this.#busy * changed;
    if (changed < 1 - error && this.limit > 1) {
      this.#probe(busy);
      return;
    }
    const isNew = Math.abs(changed - 1) > error;
    this.#probeWindows = isNew ? PROBE_WINDOWS : Math.min(MOST_PROBE_WINDOWS, 2 * this.#probeWindows);
    this.#untilProbe = this.#probeWindows;
    this.#busyAtProbe = busy;
    this.#isProbing = false;
    this.#common.end();
    const limit = Math.max(busy + room(busy), this.#held);
    this.#limit = Math.max(1, Math.min(limit, this.#roof.limit, this.#ceiling()));
    this.#held = 0;
    this.#begin();
  }

  /** @param level the requests at once that the server did not refuse. */
  #cut(level: number, isLate: boolean): void {
    // Where nothing is answered nothing is learned of how many would be.
    const decreased = this.#isAnswered ? Math.min(level, DECREASE * this.#limit) : DECREASE * this.#limit;
    const roof = this.#isAnswered ? this.#roof.refused(Math.max(1, level), isLate) : null;
    this.#limit = Math.max(1, roof ?? decreased);
    this.#streak = 0;
    this.#isClimbing = false;
    this.#isProbing = false;
    this.#common.end();
    this.#held = 0;
    this.#isAnswered = false;
    this.#lookUp.refused(this.#limit);
    this.#begin();
  }
}

/** How many requests may wait at a server that works on so many. */
function room(busy: number): number {
  return Math.sqrt(Math.max(1, busy));
}
