// The upload page's beginning: mounts it and takes the token out of the address bar's path and query.
import { mount } from 'svelte';
import { followTheme } from '../../../../shared/web/theme';
import App from './App.svelte';
import { tokenIn, typedIn } from './status';
import './style.scss';

followTheme();

// The fragment reaches no server: a token that came in the path or the query moves there.
const given = tokenIn(location.hash || typedIn(location));
if (given && location.pathname + location.search !== '/u/') history.replaceState(null, '', `/u/#${given}`);

const target = document.getElementById('app');
if (target) {
  target.replaceChildren();
  document.querySelector('noscript')?.remove(); // not for this browser
  mount(App, { target });
}
