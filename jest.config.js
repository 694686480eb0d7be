// `facade` runs dist/ over a binding in JavaScript, everything else over the real one.
module.exports = {
  // A test that hangs fails at that; on a busy machine a call may take seconds.
  testTimeout: 30_000,
  testSequencer: '<rootDir>/__test__/sequencer.js',
  projects: [
    {
      displayName: 'facade',
      testEnvironment: 'node',
      testMatch: ['<rootDir>/__test__/facade/**/*.test.js'],
      moduleNameMapper: { '^\\.\\./binding\\.js$': '<rootDir>/__test__/facade/fake-binding.js' },
    },
    {
      displayName: 'addon',
      testEnvironment: 'node',
      testMatch: ['<rootDir>/__test__/**/*.test.js'],
      testPathIgnorePatterns: ['/node_modules/', '<rootDir>/__test__/facade/'],
    },
  ],
};
