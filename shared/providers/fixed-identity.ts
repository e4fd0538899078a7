import type { AuthClient } from 'google-auth-library';
import type { GoogleIdentity } from './google-auth.ts';

/** An identity that was handed over as an access token: a person's own, as `gcloud auth print-access-token` prints it. */
export function createFixedIdentity(accessToken: string): GoogleIdentity {
  let known: AuthClient | undefined;
  return {
    client: async () => {
      if (known === undefined) {
        const { OAuth2Client } = await import('./auth-client.ts');
        known = new OAuth2Client();
        known.setCredentials({ access_token: accessToken });
      }
      return known;
    },
    token: async () => accessToken,
    forget: () => undefined,
  };
}
