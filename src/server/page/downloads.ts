import { address, send, token } from './api.ts';

/** Saves the result of a job. Without a token the browser does that by itself; with one it is fetched first, as a link cannot carry it. */
export async function download(id: string): Promise<void> {
  const path = `/batchPredictions/${id}/download/`;
  if (token() === '') {
    follow(address(path), `result-${id}.csv`);
    return;
  }
  const reply = await send(path);
  const url = URL.createObjectURL(await reply.blob());
  follow(url, `result-${id}.csv`);
  setTimeout(() => URL.revokeObjectURL(url), 60_000);
}

function follow(url: string, name: string): void {
  const link = document.createElement('a');
  link.href = url;
  link.download = name;
  link.click();
}
