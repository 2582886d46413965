module.exports = {
  module: {
    rules: [{ test: /\.ipynb$/, type: 'json' }]
  }
};
