// The panel's beginning.
import { mount } from 'svelte';
import { followTheme } from '../../../../shared/web/theme';
import App from './App.svelte';
import { askFirst } from './lib/question';
import './style.scss';

askFirst();
followTheme();
const target = document.getElementById('app');
if (target) mount(App, { target });
