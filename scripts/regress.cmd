@echo off
rem The same as scripts/regress: sets up what is missing, then calls the program of both systems.
setlocal
call "%~dp0lib\start.cmd"
if errorlevel 1 exit /b 1
node "%~dp0regress.mjs" %*
exit /b %errorlevel%
