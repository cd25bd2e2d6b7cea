const STUCK = "process.reallyExit=()=>Atomics.wait(new Int32Array(new SharedArrayBuffer(4)),0,0)";

/** The environment of processes in which `process.exit` never ends, as happens now and then where V8's threads wait for each other. */
export const stuckExit = {
  ...process.env,
  NODE_OPTIONS: `--import=data:text/javascript,${encodeURIComponent(STUCK)}`,
};
