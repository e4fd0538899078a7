import vm from 'node:vm';
import { TestEnvironment } from 'jest-environment-node';

// Jest makes a world of its own for every test file and loads there anew what the file imports. That stays so; saved is what
// V8 does again and again for it: with each file, and with each use of a global name.

const { createContext, Script } = vm;

/** Whether code of an installed package imports nothing while it runs; what does asks Jest, on behalf of its test file. */
const isSettled = (/** @type {string | undefined} */ filename, /** @type {string} */ code) =>
  filename?.includes('/node_modules/') === true && !/\bimport\s*\(/.test(code);

/** V8 compiles a script once for all contexts of a process, but not one that brings its own way to import, as Jest's do. */
class ScriptOfPackage extends Script {
  /**
   * @param {string} code
   * @param {vm.ScriptOptions} options
   */
  constructor(code, { importModuleDynamically, ...options }) {
    super(code, isSettled(options.filename, code) ? options : { ...options, importModuleDynamically });
  }
}

Object.assign(vm, { Script: ScriptOfPackage });

/**
 * Jest's environment for Node, in a context whose global object is an ordinary one. That of a contextified object asks C++ for each
 * global name, and cost a simulated run a tenth of its time. Jest has no setting for it.
 */
export default class LeanEnvironment extends TestEnvironment {
  /**
   * @param {ConstructorParameters<typeof TestEnvironment>[0]} config
   * @param {ConstructorParameters<typeof TestEnvironment>[1]} context
   */
  constructor(config, context) {
    Object.assign(vm, { createContext: () => createContext(vm.constants.DONT_CONTEXTIFY) });
    try {
      super(config, context);
    } finally {
      Object.assign(vm, { createContext });
    }
  }
}
