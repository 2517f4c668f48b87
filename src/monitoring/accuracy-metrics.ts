/** How good predictions were; null where it cannot be told from these rows. */
export interface RegressionAccuracy {
  readonly kind: 'regression';
  readonly rows: number;
  readonly rmse: number;
  readonly mae: number;
  /** Null when all actuals are the same. */
  readonly r2: number | null;
}

export interface BinaryAccuracy {
  readonly kind: 'binary';
  readonly rows: number;
  readonly logLoss: number;
  /** Null when all actuals are of one class. */
  readonly auc: number | null;
  /** Share of rows whose label was right. */
  readonly accuracy: number;
}

interface MulticlassAccuracy {
  readonly kind: 'multiclass';
  readonly rows: number;
  readonly accuracy: number;
}

export type Accuracy = RegressionAccuracy | BinaryAccuracy | MulticlassAccuracy;

/** Errors of a regression, in constant memory. */
export class RegressionErrors {
  #rows = 0;
  #squares = 0;
  #absolute = 0;
  #mean = 0;
  /** Squared distances of the actuals from their mean (Welford 1962). */
  #spread = 0;

  add(prediction: number, actual: number): void {
    const error = prediction - actual;
    this.#rows += 1;
    this.#squares += error * error;
    this.#absolute += Math.abs(error);
    const before = actual - this.#mean;
    this.#mean += before / this.#rows;
    this.#spread += before * (actual - this.#mean);
  }

  accuracy(): RegressionAccuracy | null {
    if (this.#rows === 0) return null;
    const r2 = this.#spread === 0 ? null : 1 - this.#squares / this.#spread;
    return {
      kind: 'regression',
      rows: this.#rows,
      rmse: Math.sqrt(this.#squares / this.#rows),
      mae: this.#absolute / this.#rows,
      r2,
    };
  }
}

/** A probability of 0 or 1 that was wrong would cost infinitely much; scikit-learn did the same for years. */
const LEAST_PROBABILITY = 1e-15;

/** Errors of two classes, in constant memory; rows come in the order of their probability. */
export class BinaryErrors {
  #rows = 0;
  #right = 0;
  #logLoss = 0;
  #positives = 0;
  #negatives = 0;
  /** Pairs in which the positive row has the greater probability; half of those in which both have the same (Mann and Whitney 1947). */
  #wins = 0;
  #tied = { probability: Number.NaN, positives: 0, negatives: 0 };

  /** @param probability that of the positive class, at least that of the row before. */
  add(probability: number, isPositive: boolean, isRight: boolean): void {
    const p = Math.min(Math.max(probability, LEAST_PROBABILITY), 1 - LEAST_PROBABILITY);
    this.#rows += 1;
    if (isRight) this.#right += 1;
    this.#logLoss -= Math.log(isPositive ? p : 1 - p);
    if (probability !== this.#tied.probability) {
      this.#settle();
      this.#tied = { probability, positives: 0, negatives: 0 };
    }
    if (isPositive) this.#tied.positives += 1;
    else this.#tied.negatives += 1;
  }

  accuracy(): BinaryAccuracy | null {
    if (this.#rows === 0) return null;
    this.#settle();
    const pairs = this.#positives * this.#negatives;
    return {
      kind: 'binary',
      rows: this.#rows,
      logLoss: this.#logLoss / this.#rows,
      auc: pairs === 0 ? null : this.#wins / pairs,
      accuracy: this.#right / this.#rows,
    };
  }

  #settle(): void {
    const { positives, negatives } = this.#tied;
    this.#wins += positives * (this.#negatives + negatives / 2);
    this.#positives += positives;
    this.#negatives += negatives;
    this.#tied = { probability: Number.NaN, positives: 0, negatives: 0 };
  }
}
