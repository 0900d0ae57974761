import type { Express } from 'express';
import type { Credentials } from '../credentials/credentials.ts';

/**
 * What clients verify with: `GET /keys`, the public keys of the tokens as a JSON Web Key Set, and `GET /ca.pem`, the
 * certificate of the emulator's own authority.
 */
export function addTrustRoutes(app: Express, trust: Pick<Credentials, 'authority' | 'keySet'>): void {
  app.get('/keys', (_request, response, next) => {
    void trust.keySet().then((keys) => response.json(keys), next);
  });
  app.get('/ca.pem', (_request, response, next) => {
    void trust.authority().then(({ certificate }) => response.type('application/x-pem-file').send(certificate), next);
  });
}
