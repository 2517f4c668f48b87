import { Announcer } from './announcer.ts';
import { Connection } from './connection.ts';
import { jobList } from './job-list.ts';
import { jobPage } from './job-page.ts';
import { LiveState } from './live-state.ts';
import { topBar } from './top-bar.ts';
import { Uploads } from './uploads.ts';
import type { View } from './view.ts';

const main = document.querySelector<HTMLElement>('#main')!;
const state = new LiveState();
const announcer = new Announcer(document.querySelector<HTMLElement>('#announcer')!, state);
const say = (text: string): void => announcer.say(text);
const connection = new Connection(state);
const uploads: Uploads = new Uploads((id) => {
  if (uploads.of(id)?.state === 'sent') say('The upload is complete.');
  view?.uploaded(id);
});
let view: View | null = null;

function show(isFirst: boolean): void {
  // Other marks than those of views lead within the page.
  if (location.hash !== '' && !location.hash.startsWith('#/')) return;
  const id = /^#\/jobs\/([0-9a-f]{24})$/.exec(location.hash)?.[1];
  view?.close();
  view = id === undefined ? jobList(state, uploads, say) : jobPage(id, state, uploads);
  main.replaceChildren(view.node);
  document.title = `${view.title} · Sluice`;
  if (isFirst) return;
  window.scrollTo(0, 0);
  main.focus({ preventScroll: true });
}

document.querySelector('.skip')!.addEventListener('click', (event) => {
  event.preventDefault();
  main.focus();
});
// A file that is dropped beside a deployment must not take the place of the page.
for (const name of ['dragover', 'drop']) addEventListener(name, (event) => event.preventDefault());
// Who has no access any more sees nothing of what he had.
let wasRefused = false;
state.listen(() => {
  const isRefused = state.link === 'refused';
  if (isRefused && !wasRefused) show(true);
  wasRefused = isRefused;
});
addEventListener('hashchange', () => show(false));
topBar(state, () => connection.restart());
show(true);
connection.restart();
