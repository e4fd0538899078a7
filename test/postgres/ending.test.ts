import { expect, it } from '@jest/globals';
import type { Engine, EngineKind } from '../../sandbox/postgres/engine.ts';
import { PgliteKind } from '../../sandbox/postgres/pglite-engine.ts';
import { RealDatabases } from '../../sandbox/postgres/real-databases.ts';
import { createSqlWorld, PRIMARY } from '../world/sql-world.ts';

const ENGINE_MS_MAX = 180_000;

it(
  'ends an engine that was still being filled when the sandbox ended, so that nothing keeps the process alive',
  async () => {
    const embedded = new PgliteKind();
    const started = Promise.withResolvers<Engine>();
    const slow: EngineKind = {
      name: embedded.name,
      start: async (image) => {
        const engine = await embedded.start(image);
        started.resolve(engine);
        return engine;
      },
      close: () => embedded.close(),
    };
    const databases = new RealDatabases(slow, createSqlWorld().servers);
    const told = expect(databases.of(PRIMARY).work((engine) => engine.query('select 1'))).rejects.toThrow(
      'the sandbox has ended',
    );
    const engine = await started.promise;
    await databases.close();
    await told;
    await expect(engine.query('select 1')).rejects.toThrow('the engine has ended');
  },
  ENGINE_MS_MAX,
);
