/** What tests may need besides this checkout, by the names of SLUICE_TEST_WITHOUT. */
const serviceNames = ['chromium', 'jdbc', 'kafka', 'mariadb', 'postgres', 'registry', 's3'] as const;

export type ServiceName = (typeof serviceNames)[number];

/**
 * The services that this run goes without: the list of SLUICE_TEST_WITHOUT, in alphabetical order, each once.
 * @throws Error for a name that is no service: a typing error must not pass for a choice.
 */
export function leftOut(list: string | undefined = process.env.SLUICE_TEST_WITHOUT): readonly ServiceName[] {
  const names = (list ?? '').split(',').flatMap((name) => name.trim() || []);
  const wrong = names.find((name) => !serviceNames.includes(name as ServiceName));
  if (wrong !== undefined)
    throw new Error(`SLUICE_TEST_WITHOUT names '${wrong}'; the services are ${serviceNames.join(', ')}.`);
  return [...new Set(names as ServiceName[])].toSorted();
}
