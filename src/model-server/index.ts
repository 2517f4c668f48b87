export type { DeploymentInfo } from './deployment.ts';
export { type ModelServer, type ModelServerOptions, startModelServer } from './server.ts';
