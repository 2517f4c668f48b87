import { open } from 'node:fs/promises';
import { Pool } from 'undici';
import { measured } from './case.ts';

// The limit: the blocks of the file are sent as they are, the replies are received and thrown away. No record is looked
// at, nothing is joined, nothing is written.
await measured(async ({ file, port, concurrency, chunkBytes, rows }) => {
  const pool = new Pool(`http://127.0.0.1:${port}`, { connections: concurrency, pipelining: 1 });
  const handle = await open(file);
  const buffers = Array.from({ length: concurrency }, () => Buffer.allocUnsafeSlow(chunkBytes + 4096));
  const headerBlock = Buffer.alloc(4096);
  await handle.read(headerBlock, 0, 4096, 0);
  const header = headerBlock.subarray(0, headerBlock.indexOf(10) + 1);
  let offset = header.length;

  // One reader at a time, so that each block starts where the one before it ended.
  let turn: Promise<unknown> = Promise.resolve();
  const nextBlock = (buffer: Buffer): Promise<Buffer | null> => {
    const read = turn.then(async () => {
      header.copy(buffer);
      const { bytesRead } = await handle.read(buffer, header.length, chunkBytes, offset);
      if (bytesRead === 0) return null;
      const end = buffer.lastIndexOf(10, header.length + bytesRead - 1) + 1;
      offset += end - header.length;
      return buffer.subarray(0, end);
    });
    turn = read;
    return read;
  };
  const send = async (buffer: Buffer): Promise<void> => {
    for (let block = await nextBlock(buffer); block !== null; block = await nextBlock(buffer)) {
      const reply = await pool.request({
        method: 'POST',
        path: '/predApi/v1.0/deployments/bench/predictions',
        headers: { 'content-type': 'text/csv', accept: 'text/csv' },
        body: block,
      });
      await reply.body.arrayBuffer();
    }
  };
  await Promise.all(buffers.map(send));
  await pool.close();
  await handle.close();
  return { rows };
});
