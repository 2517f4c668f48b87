import { join } from 'node:path';

/** The file in the state folder that keeps predictions and actuals by association ID, of all deployments. */
export function predictionLogPath(folder: string): string {
  return join(folder, 'accuracy.sqlite');
}
