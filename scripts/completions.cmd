@echo off
rem The same as scripts/completions.
node "%~dp0completions.mjs" %*
exit /b %errorlevel%
