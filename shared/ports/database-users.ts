import type { SecretText } from '../core/redact.ts';
import type { InstanceName } from '../system/names.ts';

/** With what somebody logs in. */
export interface DatabaseLogin {
  readonly user: string;
  readonly password: SecretText;
  readonly database: string;
}

/** What the product asks of the users of a database instance. Passwords are `SecretText` and never leave memory. Rejects with `PortError`. */
export interface DatabaseUsers {
  /** Their names. */
  list(instance: InstanceName): Promise<readonly string[]>;
  /**
   * Gives a user another password, on a primary alone; replicas follow by replication. Returns the name of a long operation. Terminal: the
   * same one again changes nothing. Sessions that are open go on.
   */
  setPassword(instance: InstanceName, user: string, password: SecretText): Promise<string>;
  /** Whether the server lets that login in now, or refuses its password; rejects where nobody answers, which is neither. */
  logsIn(instance: InstanceName, login: DatabaseLogin): Promise<boolean>;
}
