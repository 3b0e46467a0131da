// For the build and for svelte-check: scripts are TypeScript that Svelte reads itself.
export default {};
