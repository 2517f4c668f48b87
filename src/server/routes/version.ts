import { type ApiRoute, apiRoute } from '../api-route.ts';
import { sendJson } from '../json-reply.ts';

/** What clients are told to be: the release of DataRobot's interface that they find all they ask for in. */
const VERSION = { major: 2, minor: 49, versionString: '2.49.0' };

export const versionRoute: ApiRoute = apiRoute({
  method: 'GET',
  path: '/version/',
  summary: 'The version of the interface.',
  replies: { 200: 'The version.' },
  handle: async ({ reply }) => sendJson(reply, VERSION),
});
