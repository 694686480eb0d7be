// What a scenario says to the test: one JSON value a line.
module.exports = (value) => process.stdout.write(`${JSON.stringify(value)}\n`);
