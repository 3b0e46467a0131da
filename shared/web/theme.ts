// The colour mode: light, dark or as the system has it. Sets Bootstrap's data-bs-theme; must not draw anything.

export const themes = ['auto', 'light', 'dark'] as const;
export type Theme = (typeof themes)[number];
const STORED = 'lc-theme';
const dark = matchMedia('(prefers-color-scheme: dark)');

export function theme(): Theme {
  try {
    const stored = localStorage.getItem(STORED);
    return stored === 'light' || stored === 'dark' ? stored : 'auto';
  } catch {
    return 'auto';
  }
}

function apply(): void {
  const chosen = theme();
  document.documentElement.dataset.bsTheme = chosen === 'auto' ? (dark.matches ? 'dark' : 'light') : chosen;
}

export function setTheme(next: Theme): void {
  try {
    localStorage.setItem(STORED, next);
  } catch {
    // then as the system has it
  }
  apply();
}

export function followTheme(): void {
  apply();
  dark.addEventListener('change', apply);
}
