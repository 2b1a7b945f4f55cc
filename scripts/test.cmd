@echo off
rem The same as scripts/test: sets up what is missing, then calls the program of both systems.
setlocal
call "%~dp0lib\start.cmd"
if errorlevel 1 exit /b 1
node "%~dp0lib\developing\test.mjs" %*
exit /b %errorlevel%
