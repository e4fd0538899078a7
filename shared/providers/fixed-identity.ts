import { OAuth2Client } from 'google-auth-library';
import type { GoogleIdentity } from './google-auth.ts';

/** An identity that was handed over as an access token: a person's own, as `gcloud auth print-access-token` prints it. */
export function createFixedIdentity(accessToken: string): GoogleIdentity {
  const client = new OAuth2Client();
  client.setCredentials({ access_token: accessToken });
  return { client: async () => client, token: async () => accessToken, forget: () => undefined };
}
