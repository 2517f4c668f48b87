export { type ModelServer, type ModelServerOptions, startModelServer } from './server.ts';
