import { readFileSync } from 'node:fs';
import path from 'node:path';

const folder = path.resolve(import.meta.dirname, '../fixtures/certificates');
const read = (name: string): string => readFileSync(path.join(folder, name), 'utf8');

export const AUTHORITY = read('ca.pem');
export const AUTHORITY_FILE = path.join(folder, 'ca.pem');
/** For localhost and 127.0.0.1. */
export const SERVER = { cert: read('server.pem'), key: read('server.key') };

/** A client certificate as jobs send it. */
export const pfx = (name: 'old-rc2' | 'new-aes' | 'elliptic'): { pfx: string; password: string } => ({
  pfx: readFileSync(path.join(folder, `${name}.pfx`)).toString('base64'),
  password: name === 'new-aes' ? 'pässwörd' : 'password',
});
