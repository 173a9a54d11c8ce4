@echo off
rem Host Factory's entry point: runs hostfactory with the call that this file is named after.
rem The five scripts are the same. Standard output belongs to the answer, also when something is missing.
setlocal EnableExtensions DisableDelayedExpansion

set "HF_PROGRAM=%HOSTFACTORY_BIN%"
if defined HF_PROGRAM goto :run
set "HF_PROGRAM=%~dp0hostfactory.exe"
if exist "%HF_PROGRAM%" goto :run
set "HF_PROGRAM=%~dp0..\bin\hostfactory.exe"
if exist "%HF_PROGRAM%" goto :run
set "HF_PROGRAM="
for %%I in (hostfactory.exe) do set "HF_PROGRAM=%%~$PATH:I"

:run
if not defined HF_PROGRAM goto :missing
if not exist "%HF_PROGRAM%" goto :missing
"%HF_PROGRAM%" "%~n0" %*
if %ERRORLEVEL% equ 0 exit /b 0
exit /b 1

:missing
echo {"message": "hostfactory.exe was not found: set HOSTFACTORY_BIN, or put it beside the scripts, into ..\\bin or on PATH"}
exit /b 1
