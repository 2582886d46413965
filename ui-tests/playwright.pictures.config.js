/** Takes the pictures of the docs anew: `make pictures`. */
module.exports = { ...require('./playwright.config'), testDir: 'pictures' };
