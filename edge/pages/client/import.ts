import { startImport } from "./import/import-form.ts";
import { startShell } from "./ui/shell.ts";

startShell(() => undefined);
startImport();
