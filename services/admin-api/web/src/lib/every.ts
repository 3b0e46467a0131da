// Repeats while the page is looked at, and at once when it is looked at again.

export function every(ms: number, action: () => void): () => void {
  const run = () => {
    if (!document.hidden) action();
  };
  const timer = setInterval(run, ms);
  document.addEventListener('visibilitychange', run);
  return () => {
    clearInterval(timer);
    document.removeEventListener('visibilitychange', run);
  };
}
