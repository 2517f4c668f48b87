import { setToken, token } from './api.ts';
import { button, element, setAttribute, setText } from './element.ts';
import type { Link, LiveState } from './live-state.ts';

const TEXTS: Readonly<Record<Link, string>> = {
  connecting: 'Connecting…',
  live: 'Live',
  broken: 'Connection lost, trying again…',
  refused: 'A token is needed',
};

/** The connection and, where the server wants one, the token. */
export function topBar(state: LiveState, reconnect: () => void): void {
  const connection = document.querySelector('#connection')!;
  const access = document.querySelector('#access')!;
  const field = element('input', {
    id: 'token',
    type: 'password',
    autocomplete: 'off',
    spellcheck: 'false',
    placeholder: 'Token',
    'aria-label': 'Token for the server',
  });
  const problem = element('span', { class: 'bad', role: 'alert' });
  const form = element('form', {}, problem, field, element('button', { type: 'submit' }, 'Use token'));
  const user = element('span', { class: 'soft' });
  const leave = button('Forget token', '', () => {
    setToken('');
    state.forget();
    reconnect();
  });
  form.addEventListener('submit', (event) => {
    event.preventDefault();
    setToken(field.value.trim());
    field.value = '';
    setText(problem, '');
    state.forget();
    reconnect();
  });
  const show = (): void => {
    setText(connection, TEXTS[state.link]);
    setAttribute(connection, 'data-link', state.link);
    const wantsToken = state.link === 'refused';
    if (wantsToken && token() !== '') {
      setToken('');
      setText(problem, 'This token is not valid.');
    }
    setText(user, state.user === '' ? '' : state.user);
    const wanted = wantsToken ? [form] : state.link === 'live' && token() !== '' ? [user, leave] : [];
    if (access.firstElementChild !== (wanted[0] ?? null)) {
      access.replaceChildren(...wanted);
      if (wantsToken) field.focus();
    }
  };
  state.listen(show);
  show();
}
