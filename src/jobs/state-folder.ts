/** Where Sluice keeps what outlives a run on this machine: the catalog, and outputs that are not sent yet. */
export function stateFolder(
  env: Readonly<Record<string, string | undefined>>,
  configuration: { readonly stateFolder: string | null } | undefined,
): string {
  return env['SLUICE_STATE'] || configuration?.stateFolder || '.sluice';
}
