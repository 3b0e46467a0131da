// What the whole panel knows of the service: its platforms, and where customers upload.
import { visible } from '../../../../../shared/web/format.svelte';
import { api, ApiError, type Platform } from './api';
import { explain } from './explain';
import { tell } from './notices.svelte';

const state = $state<{ platforms: Platform[]; uploadUrl: string }>({ platforms: [], uploadUrl: location.origin });

export function platforms(): Platform[] {
  return state.platforms;
}
/** The product's name with what it hides made visible: it stands in messages and between other words. */
export function pretty(name: string): string {
  return visible(state.platforms.find((platform) => platform.name === name)?.pretty_name || name);
}
/** Without a slash at its end. */
export function uploadUrl(): string {
  return state.uploadUrl;
}

export async function loadPlatforms(): Promise<void> {
  state.platforms = await api.get<Platform[]>('platforms/');
}

export async function loadSite(): Promise<void> {
  const [site] = await Promise.all([api.get<{ upload_url: string }>('check/site/'), loadPlatforms()]);
  state.uploadUrl = site.upload_url.replace(/\/$/, '');
}

/** Runs what a button asks for; a refusal is told and false comes back. */
export async function attempt(action: () => Promise<unknown>): Promise<boolean> {
  try {
    await action();
    return true;
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    tell(explain(error), true);
    return false;
  }
}
