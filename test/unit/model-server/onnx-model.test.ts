import { expect, test } from 'vitest';
import { OnnxModel } from '../../../src/model-server/onnx-model.ts';

test('an ONNX model without its runtime is refused with what to install', async () => {
  const load = OnnxModel.load(new Uint8Array(), 'a.onnx', 2, 1, 'no-such-onnx-runtime');
  const message = expect.stringMatching(/^a\.onnx needs no-such-onnx-runtime, which is not installed; run npm install/);
  await expect(load).rejects.toThrow(expect.objectContaining({ code: 'MODEL_INVALID', message }));
});
