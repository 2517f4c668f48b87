import type { Clock } from '../../core/clock.ts';
import type { Patience } from './looking.ts';

/** How a job is looked at. */
export interface ExamineOptions extends Patience {
  readonly clock: Clock;
  /** As the run would be told. */
  readonly overwrite: boolean;
}
