// Addresses and their pages, the old product's among them: links in help-desk tickets go on working.
import type { Component } from 'svelte';
import Account from './pages/Account.svelte';
import Audit from './pages/Audit.svelte';
import Deliveries from './pages/Deliveries.svelte';
import Download from './pages/Download.svelte';
import Enrol from './pages/Enrol.svelte';
import Login from './pages/Login.svelte';
import PlatformEdit from './pages/PlatformEdit.svelte';
import Platforms from './pages/Platforms.svelte';
import TicketEdit from './pages/TicketEdit.svelte';
import TicketShow from './pages/TicketShow.svelte';
import Tickets from './pages/Tickets.svelte';
import UserEdit from './pages/UserEdit.svelte';
import Users from './pages/Users.svelte';

type Page = Component<any>;

export const routes: [string, Page, Record<string, string>?][] = [
  ['/', Tickets],
  ['/tickets/', Tickets],
  ['/tickets/create/', TicketEdit],
  ['/tickets/show/:platform/', Tickets],
  ['/tickets/show/:platform/:number/', TicketShow],
  ['/tickets/update/:platform/:number/', TicketEdit],
  ['/platforms/', Platforms],
  ['/platforms/create/', PlatformEdit],
  ['/platforms/update/:name/', PlatformEdit],
  ['/platforms/deliveries/:name/:id/', Deliveries],
  ['/users/', Users],
  ['/users/create/', UserEdit],
  ['/users/update/:name/', UserEdit],
  ['/audit/', Audit],
  ['/account/', Account, { part: 'profile' }],
  ['/account/login/', Login],
  ['/account/show/', Account, { part: 'profile' }],
  ['/account/update/', Account, { part: 'profile' }],
  ['/account/password-change/', Account, { part: 'password' }],
  ['/account/sessions/', Account, { part: 'sessions' }],
  ['/account/tokens/', Account, { part: 'tokens' }],
  ['/account/two_factor/', Account, { part: 'security' }],
  ['/account/two_factor/setup/', Enrol],
  ['/account/two_factor/:any/', Account, { part: 'security' }],
  ['/account/two_factor/:any/:more/', Account, { part: 'security' }],
  ['/archives/download/:number/:name/', Download],
];
