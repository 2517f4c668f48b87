import { registerHooks } from 'node:module';

/** For processes of tests: from here on the package by its name is the sources, as the runner of the tests has it. */
export function resolveSluiceByName(): void {
  registerHooks({
    resolve(specifier, context, next) {
      const name = /^sluice(?:\/(sdk|testing))?$/.exec(specifier);
      if (name === null) return next(specifier, context);
      return next(new URL(`../../src/${name[1] ?? 'index'}.ts`, import.meta.url).href, context);
    },
  });
}
