// Prints, as JSON, what AsyncAPI's own parser thinks of documents: path to findings, and `ok`.
import { readFileSync } from 'node:fs';
import { DiagnosticSeverity, Parser } from '@asyncapi/parser';

const parser = new Parser();
const judged = {};
for (const path of process.argv.slice(2)) {
  const { document, diagnostics } = await parser.parse(readFileSync(path, 'utf8'), { source: path });
  const findings = diagnostics.map(({ severity, code, path: where, message, range }) => ({
    severity: DiagnosticSeverity[severity], code, where: where.join('.'), line: range.start.line + 1, message,
  }));
  judged[path] = { ok: document !== undefined && findings.every(({ severity }) => severity !== 'Error'), findings };
}
console.log(JSON.stringify(judged));
