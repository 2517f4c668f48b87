/** How a schema registry is reached. */
export interface RegistrySettings {
  /** Base addresses (http or https) of one registry or of several that stand for each other; tried in turn. */
  readonly urls: readonly string[];
  readonly auth: RegistryAuth | null;
  /** Milliseconds for which a registry may fail before a request does. */
  readonly retryMs: number;
  /** Milliseconds that one try may take. */
  readonly timeoutMs: number;
}

/** Secrets are functions, asked when they are needed, so that no object that is printed holds one. */
export type RegistryAuth =
  | { readonly kind: 'basic'; readonly username: string; readonly password: () => string }
  | { readonly kind: 'bearer'; readonly token: () => Promise<string> };
