import { SluiceError } from '../../core/error.ts';
import type { RowBatch } from '../../core/row-batch.ts';
import type { Schema } from '../../core/schema.ts';
import type { DeploymentDescription, RowFailure, Scores } from '../../core/scorer.ts';
import { allFailed } from '../merge-scores.ts';
import { STATUS_COLUMN } from './datarobot-columns.ts';
import { openingOf } from './echo.ts';
import { httpFault } from './http-fault.ts';
import { allBounds } from './json-rows-body.ts';
import { readJson } from './listed-reply.ts';
import { sortOut } from './oip-cells.ts';
import { columnInputs, type InputTensor, inputTensors, isMatrix, type OipInputSettings } from './oip-columns.ts';
import { describedOutput, NO_METADATA, type OipMetadata, readMetadata } from './oip-metadata.ts';
import { outcomesIn } from './oip-outcomes.ts';
import { chosenOutput, type OipReply, takeApart } from './oip-reply.ts';
import { binaryRequest, jsonRequest } from './oip-request.ts';
import { PredictionTable } from './prediction-table.ts';
import { cutText, headerOf, jsonOf } from './reply-text.ts';
import type { RowOutcomes } from './row-outcomes.ts';
import { withUnsentRows } from './unsent-rows.ts';
import type { Exchange, Wire, WireReply, WireRequest } from './wire.ts';
import { tableOptions, type WireOptions } from './wire-options.ts';
import { basePath } from './wire-path.ts';

export interface OipSettings extends OipInputSettings {
  /** The version of the model, as its own part of every address. Null: the server's choice, and from the first reply on that one. */
  readonly version: string | null;
  /** `binary`: tensors as bytes behind the JSON, for servers with the extension `binary_tensor_data`. */
  readonly encoding: 'json' | 'binary';
  /** The output that holds the predictions. Null: the only one, or the only one with several numbers for each row. */
  readonly output: string | null;
}

export const OIP_DEFAULTS: OipSettings = {
  version: null,
  encoding: 'json',
  input: 'auto',
  columns: null,
  output: null,
};

const LENGTH = 'inference-header-content-length';
const json = ['content-type', 'application/json', 'accept', 'application/json'] as const;

/**
 * The Open Inference Protocol v2 over REST (KServe, MLServer, Triton and others). Types come from the model's metadata: a row with a
 * cell that its tensor cannot hold is never sent. A reply has no row ids; its shape and its data must both be of so many rows.
 * Source: github.com/kserve/open-inference-protocol, with Triton's extension of binary tensors. Measured with MLServer 1.7.1.
 */
export function createOipWire(options: WireOptions & { readonly oip: OipSettings }): Wire {
  const { clock, pin, oip, deploymentId } = options;
  const base = basePath(options.server);
  const model = `${base}/v2/models/${encodeURIComponent(deploymentId)}`;
  const tables = tableOptions(options);
  const { target } = tables;
  const table = new PredictionTable(tables);
  let metadata: OipMetadata = NO_METADATA;
  let description: DeploymentDescription = {};
  let planned: { readonly schema: Schema; readonly tensors: readonly InputTensor[] } | null = null;
  let opening = '';
  /** Of the last request for a batch: the rows that it did not hold. */
  const unsentRows = new WeakMap<RowBatch, readonly RowFailure[]>();

  const tensorsFor = (batch: RowBatch): readonly InputTensor[] => {
    if (planned?.schema !== batch.schema)
      planned = { schema: batch.schema, tensors: inputTensors(target, metadata.inputs, oip, batch) };
    return planned.tensors;
  };

  /** The model's address; of one version where one is wanted, or has answered before. */
  const address = (): string => {
    const version = oip.version ?? pin.model?.version;
    return version === undefined ? model : `${model}/versions/${encodeURIComponent(version)}`;
  };

  const request = (batch: RowBatch): WireRequest => {
    const tensors = tensorsFor(batch);
    const cells = sortOut(batch, allBounds(batch), tensors);
    unsentRows.set(batch, cells.unsent);
    if (cells.rows.length === 0) throw new SluiceError('ROW_REJECTED', cells.unsent[0]!.reason);
    const common = { method: 'POST', path: `${address()}/infer` } as const;
    if (oip.encoding === 'json') {
      const body = jsonRequest(cells, tensors, oip.output);
      opening = openingOf(body);
      return { ...common, headers: json, body };
    }
    const { body, headerBytes } = binaryRequest(cells, tensors, oip.output);
    opening = openingOf(body);
    return { ...common, headers: ['content-type', 'application/octet-stream', LENGTH, `${headerBytes}`], body };
  };

  const outcomesOf = ({ outputs }: OipReply, rows: number): RowOutcomes => {
    const outcomes = outcomesIn(target, chosenOutput(target, outputs, oip.output), rows);
    const status = outputs.find(({ name, datatype }) => name === STATUS_COLUMN && datatype === 'BYTES');
    if (status === undefined) return outcomes;
    const said = outcomesIn(target, status, rows).labels ?? [];
    const told = said.flatMap((reason, row): RowFailure[] =>
      reason === 'OK' ? [] : [{ row, reason: cutText(reason) || 'the server gives the row no status', attempts: 1 }],
    );
    // What the server says of a row goes before what its missing number says.
    const failures = new Map([...outcomes.failures, ...told].map((failure) => [failure.row, failure]));
    return { ...outcomes, failures: [...failures.values()].toSorted((a, b) => a.row - b.row) };
  };

  const read = (batch: RowBatch, reply: WireReply): Scores => {
    const unsent = unsentRows.get(batch) ?? [];
    const rows = batch.rows - unsent.length;
    const length = headerOf(reply, LENGTH);
    const found = readJson(target, () => {
      const parts = takeApart(target, reply.body, length === undefined ? null : Number(length));
      return { model: parts.model, outcomes: outcomesOf(parts, rows) };
    });
    const answered = table.read(found.outcomes, description);
    const isNone = answered.failures.length === rows;
    const sent: Scores = isNone ? allFailed(answered.failures) : { rows, ...answered, model: null };
    return withUnsentRows({ ...sent, model: found.model }, unsent);
  };

  return {
    target,
    describe: async (exchange) => {
      const software = await softwareOf(exchange);
      const reply = await exchange({ method: 'GET', path: address(), headers: [], body: null });
      if (reply.status !== 200) throw httpFault(target, reply, clock);
      metadata = readMetadata(jsonOf(reply));
      const inputs = isMatrix(metadata.inputs) || oip.input === 'tensor' ? [] : columnInputs(metadata.inputs);
      const version = oip.version ?? (metadata.versions.length === 1 ? metadata.versions[0] : undefined);
      const id = metadata.name ?? deploymentId;
      description = {
        ...describedOutput(metadata.outputs.find(({ name }) => oip.output === null || name === oip.output)),
        model: version === undefined ? { id } : { id, version },
        ...(inputs.length === 0 ? {} : { inputs }),
        ...(software === null ? {} : { software }),
      };
      return description;
    },
    request,
    read,
    fault: (batch, reply) => httpFault(target, reply, clock, { batch, opening }),
  };

  /** Also asks for the extension that binary tensors are. */
  async function softwareOf(exchange: Exchange): Promise<string | null> {
    const reply = await exchange({ method: 'GET', path: `${base}/v2`, headers: [], body: null });
    const { name, version, extensions } = (reply.status === 200 ? jsonOf(reply) : null) ?? {};
    if (oip.encoding === 'binary' && Array.isArray(extensions) && !extensions.includes('binary_tensor_data'))
      throw new SluiceError(
        'CONFIG_INVALID',
        `The prediction server (${target}) does not have the extension binary_tensor_data; set deployment.oip.encoding: json.`,
      );
    return typeof name === 'string' ? `${name}${typeof version === 'string' ? ` ${version}` : ''}` : null;
  }
}
