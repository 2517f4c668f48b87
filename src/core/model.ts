/** Which model answered: `id` names it, `version` tells apart what one id served at different times, where it can. */
export interface ModelIdentity {
  readonly id: string;
  readonly version?: string;
}

/** Whether two identities are of one model. A version that only one side knows is not compared. */
export function sameModel(a: ModelIdentity, b: ModelIdentity): boolean {
  return a.id === b.id && (a.version === undefined || b.version === undefined || a.version === b.version);
}

/** How many rows a model has scored. */
export interface ModelRows {
  readonly model: ModelIdentity;
  readonly rows: number;
}

/** The counts once `rows` more are scored by `model`. */
export function addModelRows(counts: readonly ModelRows[], model: ModelIdentity, rows: number): readonly ModelRows[] {
  const known = counts.findIndex((entry) => sameModel(entry.model, model));
  if (known < 0) return [...counts, { model, rows }];
  return counts.map((entry, i) => (i === known ? { ...entry, rows: entry.rows + rows } : entry));
}

/** For messages: `id` or `id, version v`. */
export function modelText(model: ModelIdentity): string {
  return model.version === undefined ? model.id : `${model.id}, version ${model.version}`;
}
