import { button, element, setText } from './element.ts';
import type { LiveState } from './live-state.ts';
import type { Uploads } from './uploads.ts';

/** Where jobs are started: a deployment each, to drop a file on or to choose one for. */
export function startPanel(state: LiveState, uploads: Uploads, say: (text: string) => void): HTMLElement {
  const keep = element('input', { type: 'checkbox', id: 'keep', checked: true });
  const problem = element('p', { class: 'problem', role: 'alert' });
  const list = element('ul', { class: 'deployments' });
  const panel = element(
    'section',
    { class: 'panel', 'aria-labelledby': 'start' },
    element(
      'div',
      { class: 'panel-head' },
      element('h2', { id: 'start' }, 'Start a job'),
      element('p', { class: 'soft' }, 'Drop a CSV file on a deployment, or choose one.'),
      element('label', { class: 'check' }, keep, 'Keep the columns of the file in the result'),
    ),
    list,
    problem,
  );
  const start = async (deployment: string, files: readonly File[]): Promise<void> => {
    setText(problem, '');
    for (const file of files) {
      try {
        say(`Uploading ${file.name} for ${deployment}.`);
        const id = await uploads.start(deployment, file, keep.checked);
        if (files.length === 1) location.hash = `#/jobs/${id}`;
      } catch (error) {
        setText(problem, `${file.name}: ${(error as Error).message}`);
      }
    }
  };
  let shown = '';
  const show = (): void => {
    panel.hidden = !state.mayRun;
    const wanted = state.deployments.join('\n');
    if (wanted === shown) return;
    shown = wanted;
    list.replaceChildren(...state.deployments.map((id, i) => dropPlace(id, i, (files) => void start(id, files))));
  };
  state.listen(show);
  show();
  return panel;
}

function dropPlace(deployment: string, number: number, take: (files: readonly File[]) => void): HTMLLIElement {
  const name = element('h3', { id: `deployment-${number}` }, deployment);
  const input = element('input', {
    type: 'file',
    accept: '.csv,text/csv',
    multiple: true,
    class: 'unseen',
    tabindex: '-1',
    'aria-hidden': 'true',
  });
  const choose = button('Choose a file…', '', () => input.click());
  choose.id = `choose-${number}`;
  choose.setAttribute('aria-labelledby', `${choose.id} ${name.id}`);
  const place = element('li', { class: 'deployment' }, name, choose, input);
  input.addEventListener('change', () => {
    take([...(input.files ?? [])]);
    input.value = '';
  });
  // Entering a child leaves the parent: only the balance tells whether the file is still over the place.
  let depth = 0;
  const over = (change: number): void => {
    depth = change === 0 ? 0 : depth + change;
    place.classList.toggle('over', depth > 0);
  };
  place.addEventListener('dragenter', (event) => {
    event.preventDefault();
    over(1);
  });
  place.addEventListener('dragleave', () => over(-1));
  place.addEventListener('dragover', (event) => event.preventDefault());
  place.addEventListener('drop', (event) => {
    event.preventDefault();
    over(0);
    take([...(event.dataTransfer?.files ?? [])]);
  });
  return place;
}
